(line 8: unknown-word: not closed)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 X1. (to the edge
G0 Z20.
M5
M30
