"""Run archsearch from a checkout: `python cli.py search ...`."""

from archsearch.cli import main

if __name__ == "__main__":
    main()
