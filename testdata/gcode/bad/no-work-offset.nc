(line 6: wrong-work-offset: before a work offset is chosen)
G21 G90 G94 G17
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 Z20.
M5
M30
