module grappe.invalid/tests/grpchealth

go 1.24
