(line 10: long-turn: C turns by 270.000 degrees in one block)
%
O0010
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
S8000 M3
G0 G43 H1 Z60.
X-10. Y-10.
G0 C270.
G0 Z60.
M5
M30
%
