"""A genotype as text that people can read and type, one line a node.

    input x: 3x32x32
    stem: conv2d(16, bias=False)            # name: op(fields); it reads the value just before it
    block x3:                               # a scope, here block, block_1 and block_2
      conv2d(16, bias=False)                # a node without a name is called by its kind
      relu
      conv2d(16, bias=False)
      add with ^                            # reads the value before it and ^, the one that enters the scope
    global_avg_pool2d
    flatten
    fc: linear(10) from flatten             # `from` names all that it reads
    output fc

Fields go by position or by name. Names are looked up in the scope first, then in those around it; `/a/b` starts at the root, ^^ is what
enters the scope around. A repeated scope counts its last number on (3, 4, 5) or gets one (block, block_1).
"""

from archsearch.network.text_form.cursor import TextError
from archsearch.network.text_form.expansion import from_text
from archsearch.network.text_form.op_syntax import op_from_text, op_text
from archsearch.network.text_form.writer import to_text

__all__ = ["TextError", "from_text", "op_from_text", "op_text", "to_text"]
