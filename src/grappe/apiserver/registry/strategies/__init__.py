"""How kinds differ from the general rules of writing, one module for each that needs it.

Must never write or await: a strategy settles the object it is given.
"""
