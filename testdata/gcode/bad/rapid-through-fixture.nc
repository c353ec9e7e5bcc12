(line 9: rapid-through-fixture: into fixture clamp)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 Z4.
G0 X-5. Y10.
G0 Z20.
M5
M30
