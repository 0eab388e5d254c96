"""HTTP in and out: parse, authenticate, map errors"""
