(line 9: no-feed: a cut without a feed)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 X-5. Y4.
G1 X0.
G0 Z20.
M5
M30
