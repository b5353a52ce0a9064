"""What every room may use, and what knows no network: strict readers, users' own files, options as JSON, processes and their threads."""
