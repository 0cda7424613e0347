"""Super-resolution: networks that enlarge a picture after it is drawn."""
