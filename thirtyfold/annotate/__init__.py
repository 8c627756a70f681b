"""Photos to labelled photos, in the real labelme."""
