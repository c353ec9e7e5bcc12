(line 9: arc-centre: does not lie in the plane)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 X-10. Y-10.
G2 X0. I5. K1. F500.
G0 Z20.
M5
M30
