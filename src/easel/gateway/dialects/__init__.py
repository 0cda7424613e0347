"""One package an API whose clients Easel understands: thin translators to a GenerationDraft and back."""
