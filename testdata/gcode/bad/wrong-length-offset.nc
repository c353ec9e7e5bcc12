(line 10: wrong-length-offset: length offset of H1)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
T2 M6
S8000 M3
G0 Z15.
G0 Z20.
M5
M30
