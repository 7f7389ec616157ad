"""The rules: a file holds one prefix of their ids, or a few small ones, or one subject of a large one."""
