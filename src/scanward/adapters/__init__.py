"""What touches the outside: files, folders, databases, keys, pages. Each adapter implements a port."""
