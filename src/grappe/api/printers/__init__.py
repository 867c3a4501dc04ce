"""What `kubectl get` prints of each built-in kind: columns, and one row of cells for an object.

Pure: the time is passed in. Columns and cells are those of the real API server
(https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables); kinds
without a printer of their own get Name and Created At. Must never write to the object it prints.
"""

from grappe.api.printers.registry import (
    cells,
    columns,
    row_conditions,
    row_order,
    scale_cells,
    scale_columns,
)

__all__ = ["cells", "columns", "row_conditions", "row_order", "scale_cells", "scale_columns"]
