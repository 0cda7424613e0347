"""The ModelsLab image API.

paths       which paths there are, in every spelling
routes      what each does from the body to the answer
schemas     what may be asked
values      how one value is read: numbers as strings, yes and no, the spellings of nothing
sources     the pictures that come with a request
reading     from the fields to an order: one mapping for every route that draws
schedulers  the wire's scheduler names and the samplers they stand for
unserved    fields that are known but not honoured yet, and what is said about them
shapes      every shape that is answered
meta        what was really used, in the keys of each kind of route
links       to pictures, and to where answers are fetched
answers     from a generation or a refusal to its shape
documented  what OpenAPI says of it all
"""
