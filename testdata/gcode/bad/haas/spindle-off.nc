(line 8: spindle-off: M3 with S comes first)
%
O00010
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G0 G43 H1 Z20.
G1 X-10. Y-10. F500.
M30
%
