"""A plain PyTorch module as a genotype, with its weights: `import_network(module, example_inputs)`."""

from archsearch.importer.call import Call, Handler
from archsearch.importer.loading import import_file, load_module
from archsearch.importer.network import Imported, difference, import_network, imported
from archsearch.importer.place import ImporterError
from archsearch.importer.table import TABLE

__all__ = [
    "TABLE",
    "Call",
    "Handler",
    "Imported",
    "ImporterError",
    "difference",
    "import_file",
    "import_network",
    "imported",
    "load_module",
]
