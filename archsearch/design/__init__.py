"""What a person does with a network without a search: edit, compare, draw, lint, import."""
