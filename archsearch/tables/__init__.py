"""Tables of results: networks of a space by their choices, and what training each came to, to be looked up instead of trained."""

from archsearch.tables.file import Arrays, TableError, read_arrays, write_arrays
from archsearch.tables.rows import choices_to_arrays, rows_by_choices
from archsearch.tables.table import Results, averaged, find_table, load_table, table_names

__all__ = [
    "Arrays",
    "Results",
    "TableError",
    "averaged",
    "choices_to_arrays",
    "find_table",
    "load_table",
    "read_arrays",
    "rows_by_choices",
    "table_names",
    "write_arrays",
]
