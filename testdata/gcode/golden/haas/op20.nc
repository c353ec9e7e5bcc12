%
O00020
(DRAFT)
(not approved: do not cut a part for a patient with this program)
(case 1, part 1)
(op20: outer side)
(machine: mill)
(stock: 100.0 x 80.0 x 20.0 mm, PEEK, ASTM F2026)
(zero G54: axis of the D8 pin, blank top face  x along the blank to the second pin, z up)
(units: mm, mm/min, 1/min)
(T11 ball end mill D6 R3 flutes 2 stick-out 40)
M0
G21 G90 G94 G17 G40 G49 G80
G61
G54
M5
M9
G53 G0 Z0.000
(outer side)
T11 M6
S8000 M3
M8
G0 G43 H11 Z10.000
X-3.000 Y2.000
G1 Z-0.700 F300.0
Y-2.123 F1200.0
G0 Z10.000
M5
M9
G53 G0 Z0.000
M30
%
