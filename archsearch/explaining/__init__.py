"""What a trained network does with images: where it errs, which pixels its answers hang on, what its layers make of them."""
