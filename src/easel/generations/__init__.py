"""The product's verbs: submit, finish, cancel, recover and the questions one may ask. Each is one transaction."""
