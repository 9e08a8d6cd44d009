"""PyTorch image models: the smaller ones of each architecture, as they come."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from monograph.sweep import Entry

from . import _torchvision  # noqa: F401

import timm as library  # isort: skip

LIBRARY = "timm"
NEEDS = ("timm",)

NAMES = """
    beit_base_patch16_224 botnet26t_256 botnet50ts_256 eca_botnext26ts_256 eca_halonext26ts
    halonet26t haloregnetz_b bat_resnext26ts eca_resnext26ts gcresnet50t gcresnext26ts
    mobileone_s0 mobileone_s3 repvgg_a0 repvgg_b0 resnet50_clip cait_s24_224 cait_xxs24_224
    cait_xxs36_224 coat_mini coat_small coat_tiny convit_small convit_tiny convmixer_768_32
    convnext_atto convnext_atto_ols convnext_atto_rms convnext_femto convnext_femto_ols
    convnext_pico convnext_tiny convnextv2_femto convnextv2_small cpubone_b0_bfrobust
    cpubone_b1_bfrobust cpubone_nano cpubone_s0 crossvit_9_240 csatv2 cs3darknet_focus_m
    cs3darknet_focus_s cs3darknet_focus_x cs3darknet_m cs3sedarknet_x cspresnet50w cspnext_m
    cspnext_s cspnext_tiny cspnext_x davit_small davit_tiny deit3_medium_patch16_224
    deit3_small_patch16_224 deit_small_distilled_patch16_224 deit_small_patch16_224
    deit_tiny_distilled_patch16_224 deit_tiny_patch16_224 densenet121 densenetblur121d dla102
    dla102x dla102x2 dla46x_c dla60_res2next dpn68 dpn68b dpn92 edgenext_small edgenext_small_rw
    edgenext_x_small edgenext_xx_small efficientformer_l1 efficientformerv2_s0
    efficientformerv2_s1 efficientformerv2_s2 efficientnet_b0 efficientnet_b0_g16_evos
    efficientnet_b0_g8_gn efficientnet_b0_gn efficientnet_blur_b0 efficientnet_es mnasnet_100
    semnasnet_075 tf_efficientnet_cc_b0_8e efficientvim_m1 efficientvim_m1_dist efficientvim_m2
    efficientvim_m3 efficientvit_b0 efficientvit_b1 efficientvit_m0 efficientvit_m1
    efficientvit_m2 efficientvit_m3 eva02_small_patch14_224 eva02_tiny_patch14_224
    vit_betwixt_patch16_rope_reg4_gap_256 vit_small_patch16_dinov3 vit_small_patch16_dinov3_qkvb
    vit_small_patch16_rope_ape_224 vit_small_patch16_rope_mixed_ape_224
    vit_small_plus_patch16_dinov3_qkvb fasternet_m fasternet_s fasternet_t0 fasternet_t1
    fastvit_ma36 fastvit_mci0 fastvit_mci1 fastvit_mci2 fastvit_s12 fastvit_sa36
    focalnet_small_srf focalnet_tiny_srf gcvit_small gcvit_tiny gcvit_xtiny gcvit_xxtiny
    gemma4_vit_167m gemma4_vit_167m_enc ghostnet_050 ghostnet_100 ghostnet_130 ghostnetv3_050
    hardcorenas_a hardcorenas_b hardcorenas_c hardcorenas_e hgnet_small hgnet_tiny hgnetv2_b0
    hgnetv2_b1 hiera_small_224 hiera_small_abswin_256 hiera_tiny_224 hieradet_small
    sam2_hiera_small sam2_hiera_tiny hrnet_w18 hrnet_w18_small hrnet_w18_small_v2 hrnet_w18_ssld
    iformer_h iformer_m iformer_s iformer_t inception_next_atto inception_next_small
    inception_next_tiny inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small levit_128
    levit_128s levit_192 levit_256 levit_conv_128 levit_conv_192 lowformer_b0 lowformer_b1
    lowformer_b15 lowformer_e2 mambaout_femto mambaout_kobe mambaout_small mambaout_small_rw
    mambaout_tiny test_mambaout coatnet_1_224 coatnet_nano_cc_224 coatnet_nano_rw_224
    coatnet_pico_rw_224 coatnet_rmlp_nano_rw_224 coatnext_nano_rw_224 maxvit_rmlp_tiny_rw_256
    maxxvit_rmlp_small_rw_256 caformer_s18 caformer_s36 convformer_s18 convformer_s36
    poolformer_s24 poolformerv2_s12 gmixer_12_224 gmlp_s16_224 gmlp_ti16_224 mixer_s16_224
    fbnetv3_d lcnet_050 lcnet_150 mobilenetv3_small_050 mobilenetv3_small_075
    mobilenetv3_small_100 mobilenetv4_conv_small mobilenetv4_conv_small_035
    tf_mobilenetv3_small_100 mobilenetv5_300m mobilenetv5_300m_enc mobilevit_s mobilevit_xs
    mobilevit_xxs mobilevitv2_100 mvitv2_small mvitv2_small_cls mvitv2_tiny
    naflexvit_base_patch16_gap nest_small nest_small_jx nest_tiny nest_tiny_jx nextvit_small
    dm_nfnet_f0 nf_ecaresnet26 nf_ecaresnet50 nf_regnet_b0 nf_regnet_b1 nf_resnet26 nf_resnet50
    nf_seresnet26 test_nfnet pit_b_224 pit_s_distilled_224 pit_xs_224 pit_xs_distilled_224
    pvt_v2_b0 pvt_v2_b1 qwen3_vit_88m qwen3_vit_88m_enc qwen3_vit_88m_merge rdnet_small
    rdnet_tiny regnetv_040 regnetx_002 regnetx_004 regnetx_004_tv regnetx_006 regnetx_032
    regnety_004 regnety_008_tv regnety_040 repghostnet_050 repghostnet_058 repghostnet_100
    repghostnet_130 repvit_m0_9 repvit_m1 repvit_m1_0 repvit_m2 res2net50_14w_8s
    res2net50_26w_4s res2net50_26w_6s res2net50d resnest14d resnest26d resnest50d
    resnest50d_1s4x24d ecaresnet26t resnet10t resnet14t resnet18 resnet18d resnet26 resnet50c
    resnetaa50 test_resnet resnetv2_18 resnetv2_18d resnetv2_34 resnetv2_34d resnetv2_50d
    resnetv2_50d_frn rexnet_100 rexnet_130 rexnet_150 rexnetr_130 selecsls42 selecsls42b
    selecsls60 selecsls60b legacy_seresnet18 legacy_seresnet34 legacy_seresnet50 sequencer2d_m
    sequencer2d_s shvit_s1 shvit_s2 shvit_s3 shvit_s4 skresnet18 skresnet34 skresnet50
    skresnet50d starnet_s050 starnet_s1 starnet_s100 starnet_s2 swiftformer_s swiftformer_xs
    swin_s3_small_224 swin_s3_tiny_224 swin_small_patch4_window7_224
    swin_tiny_patch4_window7_224 swinv2_small_window16_256 swinv2_small_window8_256
    swinv2_tiny_window16_256 swinv2_tiny_window8_256 swinv2_cr_small_224 swinv2_cr_small_ns_224
    swinv2_cr_small_ns_256 swinv2_cr_tiny_224 swinv2_cr_tiny_ns_224 tiny_vit_11m_224
    tiny_vit_5m_224 tnt_b_patch16_224 tnt_s_patch16_224 tresnet_m twins_pcpvt_small
    twins_svt_small vgg11 vgg11_bn vgg13 vgg16_bn visformer_small visformer_tiny flexivit_small
    test_vit test_vit2 test_vit3 test_vit4 vit_betwixt_patch32_clip_224
    vit_medium_patch16_clip_224 vit_small_patch16_224 vit_xsmall_patch16_clip_224
    vit_small_r26_s32_224 vit_small_resnet26d_224 vit_small_resnet50d_s16_224
    vit_tiny_r_s16_p8_224 test_vit_relpos vit_relpos_medium_patch16_224
    vit_relpos_medium_patch16_cls_224 vit_relpos_small_patch16_224
    vit_relpos_small_patch16_rpn_224 vit_srelpos_small_patch16_224 samvit_base_patch16
    vitamin_small_224 volo_d1_224 eca_vovnet39b ese_vovnet19b_dw ese_vovnet19b_slim
    ese_vovnet39b_evos legacy_xception xception41 xception41p xcit_nano_12_p16_224
    xcit_nano_12_p8_224 xcit_small_12_p16_224 xcit_small_12_p8_224 xcit_tiny_12_p16_224
    xcit_tiny_12_p8_224
""".split()
LEAST = {"inception_v3": 96, "inception_v4": 96, "inception_resnet_v2": 96}


def _side(name: str) -> int:
    """The size that a model is made for, if it takes no other; else a small one."""
    config = library.get_pretrained_cfg(name) or library.create_model(name).pretrained_cfg
    if getattr(config, "fixed_input_size", False):
        return config.input_size[-1]
    least = getattr(config, "min_input_size", None)
    return max(64, least[-1] if least else 0, LEAST.get(name, 0))


def model(name: str) -> Any:
    made = library.create_model(name, pretrained=False)

    def inputs(batch: int, height: int, width: int) -> Any:
        return (torch.randn(batch, 3, height, width),), {}

    return made, inputs


def entries() -> Iterator[Entry]:
    for name in NAMES:
        n = _side(name)
        sizes = {
            "batch": (2, 1, 3),
            "height": (n, n + 32, n + 64),
            "width": (n, n + 64, n + 32),
        }
        yield Entry(name, partial(model, name), sizes)
