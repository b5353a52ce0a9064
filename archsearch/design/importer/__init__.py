"""A plain PyTorch module as a genotype, with its weights: `import_network(module, example_inputs)`.

The parts, in the order in which they come to work:

    loading       the module that a function in a user's file makes
    network       the whole way, and what comes of it: genotype, weights, remarks
    checking      runs both and compares what they compute, and each sample with itself alone
    trace         torch.export's graph of ATen calls, traced with samples of our own count, so that a batch size in the module shows
    leaves        modules that are one op as a whole, such as our own layers: one call in the trace
    interpret     goes through the trace call by call; what a name stands for is a content
    entries       names of the trace, the memory behind them, and what made them
    content       the contents: a value along its axes, a constant, scores of attention, a failure that waits to be read
    constants     calls that no input reaches are carried out at once; of learned elements it is known where they went
    calls/        what each call is: one table, a file for each family of calls
    wholes        several calls that are one op
    layout        views and permutations are bookkeeping about axes, and make no node
    rearrange     the fewest ops that bring axes into an order, once an op reads the elements
    relaying      any order of axes, by calls of torch's own
    fallback      what no op stands for: the calls that lead to it, back to values and parameters, as one node
    shortcut      moves of elements that follow each other and are one, or none
    writer        the nodes so far
    ledger        learned elements in use: each belongs to one node
    names         names of nodes from paths of modules
    place         where in the module something stands, for messages

What cannot be expressed, by calls of torch's own neither, is no error until an output depends on it; then it is one line with the
operator, module and source line.
"""

from archsearch.design.importer.calls.call import Call, Handler
from archsearch.design.importer.calls.table import TABLE
from archsearch.design.importer.checking import difference
from archsearch.design.importer.loading import import_file, load_module
from archsearch.design.importer.network import Imported, import_network, imported
from archsearch.design.importer.place import ImporterError

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
