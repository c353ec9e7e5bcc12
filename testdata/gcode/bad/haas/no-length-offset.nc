(line 8: no-length-offset: G43 H1 comes first)
%
O00010
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
S8000 M3
G0 Z20.
M5
M30
%
