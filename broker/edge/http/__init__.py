"""an HTTP/1.1 server on httptools under trio"""
