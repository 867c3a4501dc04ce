"""One short module for each process role: which parts run together. No logic of its own."""
