(line 8: wrong-length-offset: H7 is not in)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G43 H7
G0 Z20.
M5
M30
