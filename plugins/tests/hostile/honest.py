"""What a plugin should do, as a measure for the rest."""


def answer(line, given):
    line.answer({"word": given.get("word", "")})
