"""What the methods of the model do: arguments to an event or a question, the answer to outputs.

`booking` is what all methods that book share; the other rooms are named after the objects that have
the methods.
"""
