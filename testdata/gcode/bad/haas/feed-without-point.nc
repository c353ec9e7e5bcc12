(line 10: decimal-point: F500 has no decimal point and means 0.500 mm/min)
%
O00010
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
S8000 M3
G0 G43 H1 Z20.
X-10. Y-10.
G1 X-9. F500
G0 Z20.
M5
M30
%
