(line 6: no-length-offset: without its length offset)
G21 G90 G94 G17
G54
T1 M6
S8000 M3
G0 Z20.
G0 Z20.
M5
M30
