"""Web push: to browsers that a student lets in, encrypted for each, under the rules of asking hosts outside."""
