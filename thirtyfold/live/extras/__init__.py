"""What live can do besides showing: blur, cut out, count, start a program."""
