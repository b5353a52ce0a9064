"""What every ATen call is in a genotype: `table` names the function that reads it, a new operator is one line there.

    weighted      convolutions, linear maps, norms              axes          views and permutations, which make no node
    attention     products of two values, softmax between       cutting       slices, splits, single positions
    products      products of two values where no attention takes them up
    windows       attention in windows: biases, masks, rolls    joining       cat and stack
    learned       bare parameters beside values                 arithmetic    + - * / of values, numbers and buffers
    standard      convolutions by standardised filters
    beside        numbers beside a value that stretch along any axes
    copying       windows as channels, a value beside itself
    imaging       pooling, up-sampling, borders                 elementwise   activations, dropout, softmax
    lengths       norms by the length of vectors
    leaf          modules that are one op as a whole

What they share: `call` (how a call is read), `kinds` (names of like calls), `form` (images and rows), `aligning` (two tensors in
common axes), `rolling` (rolled images, once they are read).
"""
