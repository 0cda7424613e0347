"""AUTOMATIC1111's API: a client changes the address and keeps its code.

routes      the paths
schemas     what may be asked, and what each field does here
unserved    fields that have no effect here, and what is said about them
samplers    names of samplers and schedulers, in both spellings
options     what a client sets for itself, and what it overrides for one request
inputs      from base64 to stored pictures: resizing, masks, what is masked filled in
styling     prompt styles
control     ControlNet units
drafts      from a request to orders, and what was done otherwise than asked
drawing     from those orders to pictures
answers     the shapes of what is answered, the `info` string before all
progress    what is being drawn for a client
lists       models, samplers and whatever else clients fill their menus with
extras      a picture made larger
access      whose key a request has
"""
