(line 14: no-program-end: no line `%` after the program)
%
O0010
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
S8000 M3
G0 G43 H1 Z20.
X-10. Y-10.
G0 X-9.
G0 Z20.
M5
M30
