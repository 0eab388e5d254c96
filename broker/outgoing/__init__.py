"""HTTP to elsewhere: connections to checked addresses only, for deliveries and for plugins"""
