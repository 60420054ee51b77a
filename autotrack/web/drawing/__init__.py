"""Charts, drawn by the server as SVG.

A chart here is markup with classes, coloured by the style sheet: it needs no script, so the strict
content security policy has nothing to except, it is light or dark with the page, is read out by
screen readers, prints, and would stand in a file of its own. Of the libraries whose wheels carry
their JavaScript, plotly's parallel coordinates and WebGL traces need ``eval``, bokeh and altair
put styles into the page that a policy without ``unsafe-inline`` refuses, and each is one to five
megabytes for points, bars and lines.
"""
