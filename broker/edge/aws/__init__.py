"""the AWS protocols: one description of an action's members serves JSON and Query alike"""
