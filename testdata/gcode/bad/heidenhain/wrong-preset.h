; line 5: wrong-work-offset: preset 2 is used, but the job sets this program up at preset 1
0 BEGIN PGM OP10 MM
1 BLK FORM 0.1 Z X+0 Y+0 Z-10
2 BLK FORM 0.2 X+30 Y+20 Z+0
3 CYCL DEF 247 DATUM SETTING Q339=+2
4 TOOL CALL 1 Z S8000
5 M3
6 L Z+20 R0 FMAX
7 L X-10 Y-10 FMAX
8 L X-9 FMAX
9 M5
10 M30
11 END PGM OP10 MM
