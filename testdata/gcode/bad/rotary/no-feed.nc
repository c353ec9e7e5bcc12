(line 8: no-feed: a cut without a feed)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z60.
G1 C90.
G0 Z60.
M5
M30
