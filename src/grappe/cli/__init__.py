"""What people type: parses, prints, calls assembly. No cluster logic."""
