"""Networks as data: genotypes, their forms, equality, builder, passes, similarity, matching, morphisms, inheritance, text; the compiler."""
