"""The ModelsLab image API.

routes      which paths there are, and what each does from the body to the answer
schemas     what may be asked, and the draft that comes of it
values      how one value is read: numbers as strings, yes and no, the spellings of nothing
schedulers  the wire's scheduler names and the samplers they stand for
unserved    fields that are known but not honoured yet, and what is said about them
shapes      every shape that is answered
answers     from a generation or a refusal to its shape
text2img    what text to image does between the two
documented  what OpenAPI says of it all
"""
