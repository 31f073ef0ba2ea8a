"""What people see: the command line, the terminal screen, plain text, JSON lines."""
