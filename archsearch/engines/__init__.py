"""Engines that run networks where they are deployed, torch, ONNX Runtime and OpenVINO: conversion for each, and time measured in it."""
