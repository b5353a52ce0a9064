"""Networks as data: genotypes and their forms, equality, builder, passes, similarity, morphisms, text; and the compiler to torch."""
