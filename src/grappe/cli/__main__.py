"""`python -m grappe.cli`."""

from grappe.cli import main

main()
