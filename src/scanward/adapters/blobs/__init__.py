"""Where instances and recipes lie encrypted: the format of a blob, a folder of them, an object store of them."""
