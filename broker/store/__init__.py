"""LMDB in a process of its own: key layouts, record codecs, group commit; and the client to it"""
