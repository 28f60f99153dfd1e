/*
 * lj_tables: the tables that the interpreter jumps by, one for each mode (DISPMODE_*), for all states: a state has the address of its
 * mode's. LuaJIT gives each state a table of its own, 2 KB, and changes it whenever a hook is set or a trace is begun. scripts/build-luajit
 * puts this into lj_dispatch.c in place of what filled it; the interpreter reads the address before each jump.
 *
 * Constant from the start of the program on. So that a signal handler that sets a hook (lj_dispatch_update) writes one word.
 */
#ifndef LJ_TABLES_H
#define LJ_TABLES_H

#define TABLES_MODE(i)	(((i) & 7) | ((i) & 0x38) << 1)	/* What lj_dispatch_update makes: no bit 0x08, none above 0x40. */
#define TABLES_INDEX(mode)	(((mode) & 7) | (((mode) >> 1) & 0x38))

/* lj_asm_patchexit finds the begin of a trace by an offset of four bytes. */
LJ_STATIC_ASSERT(GG_OFS(g.vmstate) - GG_OFS(dispatch) < -128);

static ASMFunction tables[64][GG_LEN_DISP];
BCIns lj_bcff[GG_NUM_ASMFF];

static void tables_fill(ASMFunction *disp, uint32_t mode)
{
  ASMFunction *sdisp = disp + GG_LEN_DDISP;
  int counts = (mode & (DISPMODE_JIT|DISPMODE_REC)) == DISPMODE_JIT;
  uint32_t i;
  for (i = 0; i < GG_LEN_SDISP; i++)
    sdisp[i] = makeasmfunc(lj_bc_ofs[i]);
  if (!counts) {
    sdisp[BC_FORL] = sdisp[BC_IFORL];
    sdisp[BC_ITERL] = sdisp[BC_IITERL];
    sdisp[BC_ITERN] = &lj_vm_IITERN;
    sdisp[BC_LOOP] = sdisp[BC_ILOOP];
  }
  for (i = 0; i < GG_LEN_SDISP; i++)
    disp[i] = !(mode & DISPMODE_INS) ? sdisp[i] :
	      (mode & DISPMODE_PROF) ? lj_vm_profhook :
	      (mode & DISPMODE_REC) ? lj_vm_record : lj_vm_inshook;
  if ((mode & (DISPMODE_INS|DISPMODE_RET)) == DISPMODE_RET)
    disp[BC_RETM] = disp[BC_RET] = disp[BC_RET0] = disp[BC_RET1] = lj_vm_rethook;
  for (i = GG_LEN_SDISP; i < GG_LEN_DDISP; i++)
    disp[i] = (mode & DISPMODE_CALL) ? lj_vm_callhook : makeasmfunc(lj_bc_ofs[i]);
  if (!(mode & DISPMODE_CALL) && !counts) {
    disp[BC_FUNCF] = makeasmfunc(lj_bc_ofs[BC_IFUNCF]);
    disp[BC_FUNCV] = makeasmfunc(lj_bc_ofs[BC_IFUNCV]);
  }
}

static void __attribute__((constructor)) tables_init(void)
{
  uint32_t i;
  for (i = 0; i < 64; i++)
    tables_fill(tables[i], TABLES_MODE(i));
  for (i = 0; i < GG_NUM_ASMFF; i++)
    lj_bcff[i] = BCINS_AD(BC__MAX+i, 0, 0);
}

void lj_dispatch_init(GG_State *GG)
{
  GG->dispatch[0] = tables[0];
  GG->g.bc_cfunc_ext = GG->g.bc_cfunc_int = BCINS_AD(BC_FUNCC, LUA_MINSTACK, 0);
}

#endif
